// Package tools pins the custom resource definitions that tests/tools/build takes from this module: files alone, so
// that none of its Go is imported.
package tools
