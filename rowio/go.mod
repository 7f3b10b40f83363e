module github.com/metaxy-go/metaxy/rowio

go 1.26

require (
	github.com/apache/arrow-go/v18 v18.8.0
	github.com/metaxy-go/metaxy v0.0.0
)

require github.com/rivo/uniseg v0.4.7

require pgregory.net/rapid v1.3.0 // indirect

replace github.com/metaxy-go/metaxy => ../
