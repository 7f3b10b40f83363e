module github.com/metaxy-go/metaxy/examples

go 1.26
