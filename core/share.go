package core

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Share prepares a batch to be read by several goroutines at once. Arrow counts
// the nulls of an array, and wraps the values of a dictionary, when first asked
// and keeps the answer in the array: a race between readers unless somebody
// asked before.
func Share(batch arrow.RecordBatch) {
	for _, c := range batch.Columns() {
		ShareArray(c)
	}
}

// ShareArray is Share for one array and what it consists of.
func ShareArray(arr arrow.Array) {
	arr.NullN()
	switch a := arr.(type) {
	case *array.Struct:
		for i := range a.NumField() {
			ShareArray(a.Field(i))
		}
	case *array.Map:
		ShareArray(a.Keys())
		ShareArray(a.Items())
	case array.ListLike:
		ShareArray(a.ListValues())
	case *array.Dictionary:
		ShareArray(a.Dictionary())
	case array.ExtensionArray:
		ShareArray(a.Storage())
	}
}
