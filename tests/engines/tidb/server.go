//go:build server

// Package server names the program, so that `go mod tidy` keeps what it needs.
package server

import _ "github.com/pingcap/tidb/cmd/tidb-server"
