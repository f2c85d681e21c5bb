//go:build tools

// Package tools pins the programs that tests/tools/build builds from this module.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
