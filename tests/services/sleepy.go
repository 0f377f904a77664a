// Answers every request after 20 ms.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond)
		fmt.Fprint(w, `{"ok": true}`)
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
