package main

import "github.com/metaxy-go/metaxy/core"

// The features, upstream first.
const (
	raw        = core.FeatureKey("video/raw")
	crop       = core.FeatureKey("video/crop")
	transcript = core.FeatureKey("audio/transcript")
	search     = core.FeatureKey("search/entry")
)

func features() []core.FeatureSpec {
	return []core.FeatureSpec{
		core.NewFeature("video/raw", core.Container("frames"), core.Container("audio")),
		core.NewFeature("video/crop", core.DependsOn("video/raw"), core.Container("frames", core.From("video/raw", "frames"))),
		core.NewFeature("audio/transcript", core.DependsOn("video/raw"), core.Container("words", core.From("video/raw", "audio"))),
		core.NewFeature("search/entry", core.DependsOn("video/crop"), core.DependsOn("audio/transcript")),
	}
}
