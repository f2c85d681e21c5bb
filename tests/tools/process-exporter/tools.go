//go:build tools

// Package tools pins the program that tests/tools/build builds from this module.
package tools

import _ "github.com/ncabatoff/process-exporter/cmd/process-exporter"
