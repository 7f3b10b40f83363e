package expr

// And returns the conjunction of the terms. It ignores nil terms and flattens terms that are conjunctions themselves; of no terms it is
// nil (no filter), of one the term itself.
func And(terms ...Expr) Expr {
	out := make([]Expr, 0, len(terms))
	for _, t := range terms {
		if t = reduce(t); t == nil {
			continue
		}
		if and, ok := t.(AndExpr); ok {
			out = append(out, effective(and.Terms)...)
			continue
		}
		out = append(out, t)
	}
	switch len(out) {
	case 0:
		return nil
	case 1:
		return out[0]
	}
	return AndExpr{Terms: out}
}

// Or returns the disjunction of the terms. It ignores nil terms and flattens terms that are disjunctions themselves; of no terms it is
// FALSE, so that a list of permissions that turns out empty permits nothing; of one it is the term itself.
func Or(terms ...Expr) Expr {
	out := make([]Expr, 0, len(terms))
	for _, t := range terms {
		if t = reduce(t); t == nil {
			continue
		}
		if or, ok := t.(OrExpr); ok {
			out = append(out, effective(or.Terms)...)
			continue
		}
		out = append(out, t)
	}
	switch len(out) {
	case 0:
		return False()
	case 1:
		return out[0]
	}
	return OrExpr{Terms: out}
}

// Not returns the negation of e. The negation of nil (no filter, every row) is FALSE.
func Not(e Expr) Expr { return reduce(NotExpr{Term: e}) }

// True returns the expression that holds for every row.
func True() Expr { return Const{Value: true} }

// False returns the expression that holds for no row.
func False() Expr { return Const{} }

// reduce returns what a node stands for, so that the rest of the package need not think of nodes made by hand: pointers to nodes,
// conjunctions and disjunctions of fewer than two terms, a negation of nothing. It looks at the outermost node only.
func reduce(e Expr) Expr {
	for {
		switch n := e.(type) {
		case AndExpr:
			terms := effective(n.Terms)
			switch len(terms) {
			case 0:
				return Const{Value: true}
			case 1:
				e = terms[0]
				continue
			}
			return AndExpr{Terms: terms}
		case OrExpr:
			terms := effective(n.Terms)
			switch len(terms) {
			case 0:
				return Const{}
			case 1:
				e = terms[0]
				continue
			}
			return OrExpr{Terms: terms}
		case NotExpr:
			if deref(n.Term) == nil {
				return Const{}
			}
			return n
		}
		d := deref(e)
		switch d.(type) {
		case AndExpr, OrExpr, NotExpr:
			e = d
			continue
		}
		return d
	}
}

// effective returns the terms that are not nil; the slice itself when all of them are.
func effective(terms []Expr) []Expr {
	for i, t := range terms {
		if deref(t) != nil {
			continue
		}
		out := append(make([]Expr, 0, len(terms)-1), terms[:i]...)
		for _, t := range terms[i+1:] {
			if deref(t) != nil {
				out = append(out, t)
			}
		}
		return out
	}
	return terms
}

// deref turns a pointer to a node, which satisfies Expr because nodes have value methods, into the node; a nil pointer is nil.
func deref(e Expr) Expr {
	switch n := e.(type) {
	case *Compare:
		return value(n)
	case *In:
		return value(n)
	case *Between:
		return value(n)
	case *IsNull:
		return value(n)
	case *Prefix:
		return value(n)
	case *Like:
		return value(n)
	case *AndExpr:
		return value(n)
	case *OrExpr:
		return value(n)
	case *NotExpr:
		return value(n)
	case *Const:
		return value(n)
	}
	return e
}

func value[T Expr](p *T) Expr {
	if p == nil {
		return nil
	}
	return *p
}
