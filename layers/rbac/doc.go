// Package rbac is the layer that decides who may do what.
package rbac
