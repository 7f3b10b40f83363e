package kms

import (
	"fmt"
	"regexp"

	"github.com/metaxy-go/metaxy/core"
)

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", core.ErrInvalid, fmt.Sprintf(format, args...))
}

// plainCode is what a code may look like to be repeated in an error.
var plainCode = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)

// meaning says in words what a sentinel means here.
var meaning = map[error]string{
	core.ErrDenied:      "the key service refuses the use of the key",
	core.ErrIntegrity:   "not what this key encrypted, or with other associated data",
	core.ErrInvalid:     "the key service has no such key, or it is of another kind",
	core.ErrUnavailable: "the key service cannot be reached or does not work",
}

// refusal is the error of a call. Of what the service said only its code is
// repeated.
func refusal(scheme string, r remote, decrypting bool, err error) error {
	code, sentinel := r.classify(decrypting, err)
	if !plainCode.MatchString(code) {
		return fmt.Errorf("%w: %s: %s", sentinel, scheme, meaning[sentinel])
	}
	return fmt.Errorf("%w: %s: %s (%s)", sentinel, scheme, meaning[sentinel], code)
}
