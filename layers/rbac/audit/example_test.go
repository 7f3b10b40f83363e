package audit_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

var denied = rbac.Event{
	Time: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), Identity: "user:bob", Op: core.OpRead, Part: rbac.PartDecision,
	Feature: "video/faces", Rows: -1, Decision: rbac.Deny, Reason: "no rule allows it",
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "trail")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	private, public, err := audit.GenerateKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := audit.ParseSigner(private)
	if err != nil {
		fmt.Println(err)
		return
	}
	trail, err := audit.Open(dir, signer, audit.Sync(audit.SyncChanges))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	fmt.Println("recorded:", trail.Record(ctx, denied) == nil)
	fmt.Println("closed:", trail.Close() == nil)

	key, err := audit.ParseVerifier(public)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := audit.Verify(ctx, dir, key)
	fmt.Println(report.Events, "event,", report.Checkpoints, "checkpoint,", err)
	for r, err := range audit.Search(ctx, dir, audit.Query{Decision: rbac.Deny, Feature: "video/"}) {
		fmt.Println(r.Seq, r.Event.Identity, r.Event.Op, r.Event.Feature, r.Event.Reason, err)
	}

	// Somebody covers their tracks.
	path := filepath.Join(dir, "audit-00000001.jsonl")
	lines, err := os.ReadFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(lines[len(lines)-600:], "xx")
	if err := os.WriteFile(path, lines, 0o600); err != nil {
		fmt.Println(err)
		return
	}
	report, _ = audit.Verify(ctx, dir, key)
	fmt.Println(report.Broken.File, "line", report.Broken.Line, report.Broken.Damage)
	// Output:
	// recorded: true
	// closed: true
	// 1 event, 1 checkpoint, <nil>
	// 2 user:bob read video/faces no rule allows it <nil>
	// audit-00000001.jsonl line 2 edited
}

func ExampleNewZap() {
	recorder, err := audit.NewZap(zap.NewExample())
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := recorder.Record(context.Background(), denied); err != nil {
		fmt.Println(err)
	}
	// Output: {"level":"info","msg":"audit","identity":"user:bob","op":"read","part":"decision","feature":"video/faces","columns":[],"filter":"","rows":-1,"decision":"deny","reason":"no rule allows it","outcome":"","duration":"0s"}
}

func ExampleNewStore() {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := audit.NewSigner(private)
	if err != nil {
		fmt.Println(err)
		return
	}
	store := memory.New() // below the access layer
	defer store.Close()
	recorder, err := audit.NewStore(store, "ops/audit", signer)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := recorder.Record(ctx, denied); err != nil {
		fmt.Println(err)
		return
	}
	if err := recorder.Close(); err != nil {
		fmt.Println(err)
		return
	}
	key, err := audit.NewVerifier(public)
	if err != nil {
		fmt.Println(err)
		return
	}
	reports, err := audit.VerifyStore(ctx, store, "ops/audit", key)
	fmt.Println(len(reports), "chain,", reports[0].Events, "event,", err)
	// Output: 1 chain, 1 event, <nil>
}

func ExampleNewAsync() {
	zapped, err := audit.NewZap(zap.NewExample())
	if err != nil {
		fmt.Println(err)
		return
	}
	recorder, err := audit.NewAsync(audit.Any(zapped), 1024)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := recorder.Record(context.Background(), rbac.Event{Op: core.OpRead, Identity: "user:ann", Decision: rbac.Allow}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(recorder.Close(), recorder.Dropped())
	// Output:
	// {"level":"info","msg":"audit","identity":"user:ann","op":"read","part":"","feature":"","columns":[],"filter":"","rows":0,"decision":"allow","reason":"","outcome":"","duration":"0s"}
	// <nil> 0
}
