package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// What the command line needs to go on where the program ended.
const configuration = `features = "features.toml"

[stores.openmoji]
backend = "duckdb://openmoji.duckdb"
[stores.openmoji.catalog]
url = "sqlite://openmoji.catalog.db"
`

//go:embed features.toml
var featureFile []byte

// keep writes the configuration beside the store. What is there stays.
func keep(dir string) error {
	for name, text := range map[string][]byte{"metaxy.toml": []byte(configuration), "features.toml": featureFile} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// indexed is what the catalog knows after the run.
type indexed struct {
	features, commits, versions int64
	drift                       catalog.Drift
}

// look asks the catalog, which every write of the run has registered itself in,
// and compares it with the store in depth.
func look(ctx context.Context, keeper *catalog.Keeper, out printer) (indexed, error) {
	var o indexed
	cat := keeper.Catalog()
	for e, err := range cat.Features(ctx, catalog.Query{}) {
		if err != nil {
			return o, err
		}
		o.features++
		o.commits += e.Commits
		for _, c := range e.Containers {
			o.versions += c.Versions
		}
	}
	asked, err := oneVersion(ctx, cat, "openmoji/caption_embedding", "vector")
	if err != nil {
		return o, err
	}
	began := time.Now()
	there, err := cat.HasFeature(ctx, "openmoji/caption_embedding", catalog.InContainer("vector"), catalog.WithVersion(asked))
	took := time.Since(began)
	if err != nil {
		return o, err
	}
	report, err := keeper.Verify(ctx, catalog.Job{Sample: 1})
	if err != nil {
		return o, err
	}
	o.drift = report.Drift
	out.step(6, "The catalog beside the store: %s commits of %d features, %s data versions", thousands(o.commits), o.features, thousands(o.versions))
	out.line("   Was caption_embedding ever computed as %.12s…? %s, in %s, without touching the data.", asked, map[bool]string{true: "Yes", false: "No"}[there == catalog.Yes], took.Round(time.Microsecond))
	out.line("   Compared with all %s rows of the store: %s.", thousands(report.Rows), map[bool]string{true: "they agree", false: "they differ"}[o.drift.Clean()])
	return o, nil
}

// oneVersion gives a version that was written.
func oneVersion(ctx context.Context, cat catalog.Catalog, key core.FeatureKey, container string) (string, error) {
	for v, err := range cat.MaterializedVersions(ctx, key, container) {
		return v.Version, err
	}
	return "", fmt.Errorf("the catalog knows no version of %s of %s", container, key)
}
