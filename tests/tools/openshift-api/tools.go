//go:build tools

// Package tools pins the custom resource definitions that tests/tools/build takes from this module.
package tools

import (
	_ "github.com/openshift/api/route/v1"
)
