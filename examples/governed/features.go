package main

import (
	"github.com/metaxy-go/metaxy/core"
)

// The features, by key.
const (
	source    core.FeatureKey = "openmoji/source"
	thumbnail core.FeatureKey = "openmoji/thumbnail"
	credit    core.FeatureKey = "openmoji/credit"
)

// The columns that this program speaks of.
const (
	hexcode  = "hexcode" // the id of every feature
	group    = "group"   // which the analyst's row rule is about
	author   = "openmoji_author"
	authorID = "author_id" // a pseudonym, under which the author can be forgotten
	line     = "credit"
)

// newGraph declares the pipeline. Who drew an emoji is a version of its own, so
// that a corrected name changes credits and no thumbnail.
func newGraph() (*core.Graph, error) {
	return core.NewGraph(
		core.NewFeature("openmoji/source", core.ID(hexcode),
			core.Describe("an emoji of the release: its drawing, the words for it and who drew it"),
			core.Container("drawing"), core.Container("words"), core.Container("author")),
		core.NewFeature("openmoji/thumbnail", core.ID(hexcode),
			core.Describe("where a thumbnail of the drawing is"),
			core.DependsOn("openmoji/source"),
			core.Container("image", core.From("openmoji/source", "drawing"))),
		core.NewFeature("openmoji/credit", core.ID(hexcode),
			core.Describe("the line that names the author, as a licence asks for"),
			core.DependsOn("openmoji/source"),
			core.Container("text", core.From("openmoji/source", "words"), core.From("openmoji/source", "author"))),
	)
}
