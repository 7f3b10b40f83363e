package main

import (
	"github.com/metaxy-go/metaxy/core"
)

// shape is one of the two published graphs.
type shape struct {
	name  string
	graph *core.Graph
	roots []core.FeatureKey // the first one is what changes
	leaf  core.FeatureKey
}

// shapes builds both graphs. Simple: a root of two containers and a leaf of
// one. Wide: two roots of four containers and a leaf of two, each of which
// depends on all eight.
func shapes() ([]shape, error) {
	simple, err := core.NewGraph(
		core.NewFeature("bench/root", core.Container("frames"), core.Container("audio")),
		core.NewFeature("bench/leaf", core.DependsOn("bench/root"), core.Container("default")),
	)
	if err != nil {
		return nil, err
	}
	wide, err := core.NewGraph(
		core.NewFeature("bench/left", core.Container("c1"), core.Container("c2"), core.Container("c3"), core.Container("c4")),
		core.NewFeature("bench/right", core.Container("c1"), core.Container("c2"), core.Container("c3"), core.Container("c4")),
		core.NewFeature("bench/leaf", core.DependsOn("bench/left"), core.DependsOn("bench/right"),
			core.Container("first"), core.Container("second", core.Code("2"))),
	)
	if err != nil {
		return nil, err
	}
	return []shape{
		{name: "simple", graph: simple, roots: []core.FeatureKey{"bench/root"}, leaf: "bench/leaf"},
		{name: "wide", graph: wide, roots: []core.FeatureKey{"bench/left", "bench/right"}, leaf: "bench/leaf"},
	}, nil
}

// plan gives the plan of a feature that the shape declares.
func (s shape) plan(key core.FeatureKey) *core.Plan {
	p, err := s.graph.Plan(key)
	if err != nil {
		return nil // a request without a plan is refused with the reason
	}
	return p
}
