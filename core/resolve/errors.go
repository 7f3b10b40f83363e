package resolve

import (
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", core.ErrInvalid, fmt.Errorf(format, args...))
}
