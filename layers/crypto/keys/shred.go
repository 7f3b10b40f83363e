package keys

import (
	"errors"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// ErrShredded says that the subject's secret was destroyed. A write for it is refused
// and matches core.ErrInvalid too; a read gives null.
var ErrShredded = fmt.Errorf("%w: %w", core.ErrInvalid, errors.New("the subject was shredded"))
