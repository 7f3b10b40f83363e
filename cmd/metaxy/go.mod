module github.com/metaxy-go/metaxy/cmd/metaxy

go 1.26

require (
	github.com/apache/arrow-go/v18 v18.8.0
	github.com/metaxy-go/metaxy v0.0.0
	github.com/metaxy-go/metaxy/backends/duckdb v0.0.0
	github.com/metaxy-go/metaxy/rowio v0.0.0
	github.com/schollz/progressbar/v3 v3.19.1
	github.com/spf13/cobra v1.10.2
	golang.org/x/term v0.45.0
)

require (
	github.com/bmatcuk/doublestar/v4 v4.10.4 // indirect
	github.com/rogpeppe/go-internal v1.16.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/tools v0.48.0 // indirect
)

replace (
	github.com/metaxy-go/metaxy => ../..
	github.com/metaxy-go/metaxy/backends/duckdb => ../../backends/duckdb
	github.com/metaxy-go/metaxy/rowio => ../../rowio
)
