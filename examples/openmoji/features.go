package main

import "github.com/metaxy-go/metaxy/core"

// The features, by key.
const (
	source     core.FeatureKey = "openmoji/source"
	thumbnail  core.FeatureKey = "openmoji/thumbnail"
	outline    core.FeatureKey = "openmoji/outline"
	embedding  core.FeatureKey = "openmoji/caption_embedding"
	entry      core.FeatureKey = "openmoji/search_entry"
	hexcode                    = "hexcode" // the id column of them all
	colorBytes                 = "color_bytes"
	blackBytes                 = "black_bytes"
)

// features declares the pipeline. An emoji's drawing in colour, its drawing in
// black and its words are versions of their own, so a corrected tag leaves the
// thumbnail alone. features.toml says the same.
func features() []core.FeatureSpec {
	return []core.FeatureSpec{
		core.NewFeature("openmoji/source", core.ID(hexcode),
			core.Describe("an emoji of the release: two drawings and the words for it"),
			core.Container("color"), core.Container("black"), core.Container("text")),
		core.NewFeature("openmoji/thumbnail", core.ID(hexcode),
			core.Describe("how large a thumbnail of the colour drawing becomes"),
			core.DependsOn("openmoji/source"),
			core.Container("image", core.From("openmoji/source", "color"))),
		core.NewFeature("openmoji/outline", core.ID(hexcode),
			core.Describe("how heavy the outline of the black drawing is"),
			core.DependsOn("openmoji/source"),
			core.Container("image", core.From("openmoji/source", "black"))),
		core.NewFeature("openmoji/caption_embedding", core.ID(hexcode),
			core.Describe("the caption of an emoji and a vector of it"),
			core.DependsOn("openmoji/source"),
			core.Container("vector", core.From("openmoji/source", "text"))),
		core.NewFeature("openmoji/search_entry", core.ID(hexcode),
			core.Describe("what a search shows: a thumbnail found by its caption"),
			core.DependsOn("openmoji/thumbnail"), core.DependsOn("openmoji/caption_embedding"),
			core.Container("picture", core.From("openmoji/thumbnail")),
			core.Container("words", core.From("openmoji/caption_embedding"))),
	}
}
