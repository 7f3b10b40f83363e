package audit

// misplaced tells what happened to a chain that r does not continue, by what
// stands behind it. All of r's own line is right.
func (c *checker) misplaced(r Record, ahead *lines) *DamageError {
	want := c.report.Head.Seq + 1
	if r.Seq == want {
		if found, _ := look(ahead, want, c.report.Head.Hash); found {
			return c.problem(Inserted, "it does not follow the record before it, and the one behind it does")
		}
		// r follows a record that stood where the last one stands.
		p := c.problem(Edited, "the record was changed and given a new hash: the next one follows another")
		p.Line, p.Seq = c.line-1, want-1
		if c.line == 1 {
			p.File, p.Line, p.Text = c.file, 1, "the end of the file before was changed: this one follows another"
		}
		return p
	}
	follows, there := look(ahead, want, c.report.Head.Hash)
	switch {
	case r.Seq < want && follows:
		return c.problem(Inserted, "record %d stands here a second time", r.Seq)
	case r.Seq < want:
		return c.problem(Reordered, "record %d stands here", r.Seq)
	case follows || there:
		return c.problem(Reordered, "record %d stands here, this one further on", r.Seq)
	case r.Seq == want+1:
		return c.problem(Removed, "record %d stands here", r.Seq)
	}
	return c.problem(Removed, "record %d stands here: %d records are missing", r.Seq, r.Seq-want)
}

// look searches the rest of the file for the record with a number, and for the
// one that also follows a hash.
func look(ahead *lines, seq int64, prev Digest) (follows, there bool) {
	for {
		raw, whole, err := ahead.next()
		if err != nil || !whole {
			return false, there
		}
		r, _, err := parse(raw)
		if err != nil || r.Seq != seq {
			continue
		}
		there = true
		if r.Prev == prev {
			return true, true
		}
	}
}
