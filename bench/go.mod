module github.com/metaxy-go/metaxy/bench

go 1.26
