package audit

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/metaxy-go/metaxy/core"
)

// vouch decides whether the trail may go on from what was found at its end, and
// gives the number of records that nothing vouches for but their hashes, which
// anybody can compute. It needs mu.
func (l *Log) vouch(end found) (unsigned int64, err error) {
	if l.at.Seq > 0 {
		// This process knows what it wrote.
		if end.news > l.left {
			return 0, fmt.Errorf("%w: %s holds %d events that were not written here", core.ErrIntegrity, fileName(end.file), end.news)
		}
		return max(0, end.Seq-l.at.Seq), nil
	}
	if end.Seq > 0 && end.Head == l.o.accept {
		return int64(end.unsigned), nil
	}
	if err := l.signed(end); err != nil {
		return 0, fmt.Errorf("%w (the trail ends with record %d:%s)", err, end.Seq, end.Hash)
	}
	if end.events > l.o.every {
		return 0, fmt.Errorf("%w: %d events behind the last checkpoint, where %d is the most that is left unsigned: they may be forged (the trail ends with record %d:%s)",
			core.ErrIntegrity, end.events, l.o.every, end.Seq, end.Hash)
	}
	return int64(end.unsigned), nil
}

// signed checks the signature of the last checkpoint, which covers all before
// it. In a file without one it is the last record of the file before, since no
// file is begun behind anything else; unless that one was moved elsewhere.
func (l *Log) signed(end found) error {
	if end.mark.Kind == KindCheckpoint {
		return l.checkMark(end.mark, end.signed)
	}
	if end.file == 1 || end.size == 0 {
		return nil
	}
	last, signed, err := lastOf(l.path(end.file - 1))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if last.Kind != KindCheckpoint || last.Seq+1 != end.link.Seq || last.Hash != end.link.Prev {
		return fmt.Errorf("%w: %s does not begin behind a checkpoint", core.ErrIntegrity, fileName(end.file))
	}
	return l.checkMark(last, signed)
}

// checkMark leaves a checkpoint of a key that is not known here to Verify.
func (l *Log) checkMark(r Record, signed []byte) error {
	data := append([]byte(signing), signed...)
	keys := l.o.trust
	if own, ok := l.signer.(signer); ok && own.made(r.Checkpoint.Sig) {
		keys = verifier{own.id: own.key.Public().(ed25519.PublicKey)} //nolint:forcetypeassert // it is documented to be one
	}
	if keys == nil {
		return nil
	}
	if err := keys.Verify(r.Checkpoint.Sig, data); err != nil {
		return fmt.Errorf("%w: checkpoint %d has a bad signature", core.ErrIntegrity, r.Seq)
	}
	return nil
}

// made reports whether a signature says that it is by this key.
func (s signer) made(sig []byte) bool {
	return len(sig) >= keyIDBytes && [keyIDBytes]byte(sig[:keyIDBytes]) == s.id
}

// lastOf reads the last line of a file, and what of it was signed.
func lastOf(path string) (r Record, signed []byte, err error) {
	f, err := openFile(path)
	if err != nil {
		return r, nil, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return r, nil, err
	}
	if _, err := f.Seek(-min(size, MaxLine), io.SeekEnd); err != nil {
		return r, nil, err
	}
	var last []byte
	for lines := newLines(f); ; {
		line, whole, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			r, signed, err = parse(last)
			return r, signed, err
		case err != nil:
			return r, nil, err
		case !whole:
			return r, nil, fmt.Errorf("%w: %s ends in the middle", core.ErrIntegrity, filepath.Base(path))
		}
		last = append(last[:0], line...)
	}
}
