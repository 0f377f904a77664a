// Answers with rows as JSON; with the link flag `-X main.injected=yes` each request does more in a function of its own.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

var injected string

type ledger struct{ sums []int }

//go:noinline
func (l *ledger) audit(times int) int {
	total := 0
	for at := 0; at < times; at++ {
		total += l.sums[at%len(l.sums)] ^ at
	}
	return total
}

func main() {
	books := &ledger{[]int{3, 1, 4, 1, 5, 9, 2, 6}}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	http.HandleFunc("/rows", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if injected != "" && books.audit(9000) == 1 {
			w.WriteHeader(500)
		}
		rows := []map[string]int{}
		for at := 0; at < 20; at++ {
			rows = append(rows, map[string]int{"id": at})
		}
		json.NewEncoder(w).Encode(rows)
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
