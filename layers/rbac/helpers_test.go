package rbac_test

import "github.com/apache/arrow-go/v18/arrow"

func schemaOf(fields ...arrow.Field) *arrow.Schema { return arrow.NewSchema(fields, nil) }
