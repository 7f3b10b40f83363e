package storetest_test

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// A mock fails when told to and records what it was asked.
func ExampleMock() {
	store := storetest.Mock()
	defer func() { _ = store.Close() }()
	store.SetFailure(core.OpRead, core.ErrUnavailable)

	_, err := store.Read(context.Background(), core.ReadRequest{Key: "video/raw"})
	fmt.Println(err)
	fmt.Println(len(store.Calls(core.OpRead)), "read")
	// Output:
	// read video/raw: fault: unavailable
	// 1 read
}

// A fault layer makes the nth call of an operation fail.
func ExampleFault() {
	base := memory.New()
	defer func() { _ = base.Close() }()
	fault := storetest.Fault(storetest.FailNth(core.OpStat, 2, core.ErrUnavailable))
	store, err := fault.Wrap(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		_, err = store.Stat(context.Background(), core.StatRequest{Key: "video/raw"})
		fmt.Println(err)
	}
	fmt.Println(fault.Fired())
	// Output:
	// stat video/raw: memory: feature not found
	// stat video/raw: fault: unavailable
	// stat video/raw: memory: feature not found
	// [stat#2 fail unavailable on stat video/raw]
}

// A tap records the calls that reach the store below.
func ExampleTap() {
	base := memory.New()
	defer func() { _ = base.Close() }()
	tap := storetest.Tap()
	store, err := tap.Wrap(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = store.Read(context.Background(), core.ReadRequest{Key: "video/raw"})
	for _, call := range tap.Calls(0) {
		fmt.Println(call)
	}
	// Output:
	// read video/raw: read video/raw: memory: feature not found
}

// Rules can be written as text, in a flag or a table of tests.
func ExampleParseRule() {
	rule, err := storetest.ParseRule("read#3 video/raw fail-stream integrity after 2")
	fmt.Println(rule, err)
	_, err = storetest.ParseRule("read#3 explode")
	fmt.Println(err)
	// Output:
	// read#3 video/raw fail-stream integrity after 2 <nil>
	// invalid: rule "read#3 explode": unknown action "explode"
}
