// A bot that selects every free asset it sees and prints what it got: go run . ws://127.0.0.1:8080 arena bot-1
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

type frame struct {
	Type, Epoch, Asset, Player string
	Offset, Revision           *int64
	Remaining                  int
	Granted, Temporary         bool
	Assets                     []frame
}

var (
	epoch, place, asked string // asked: the asset of the select that has no reply yet
	known               map[string]frame
	mine                map[string]bool
)

func play(ctx context.Context, socket *websocket.Conn, player string) error {
	socket.SetReadLimit(256 << 10) // the server's largest frame
	for {
		var f frame
		if err := wsjson.Read(ctx, socket, &f); err != nil {
			return err
		}
		if f.Type == "welcome" && f.Epoch != epoch { // another life of the server
			epoch, known, mine = f.Epoch, map[string]frame{}, map[string]bool{}
		}
		if f.Offset != nil {
			place = fmt.Sprintf("&epoch=%s&offset=%d", epoch, *f.Offset)
		}
		for _, asset := range append(f.Assets, f) {
			if last := known[asset.Asset].Revision; asset.Revision != nil && (last == nil || *asset.Revision >= *last) {
				known[asset.Asset] = asset
			}
		}
		switch {
		case f.Type == "selection" && f.Granted:
			mine[asked] = true
			fmt.Println("got", asked)
		case f.Type == "asset_removed", f.Type == "asset_released" && f.Player == player:
			delete(mine, f.Asset)
		case f.Type == "error" && f.Temporary:
			time.Sleep(time.Second)
		case f.Type == "error":
			delete(known, asked)
		}
		if f.Type == "selection" || f.Type == "error" {
			asked = ""
		}
		if asked != "" && f.Type != "welcome" { // a select without a reply is sent again
			continue
		}
		for name, asset := range known {
			if asked == "" && asset.Remaining > 0 && !mine[name] {
				asked = name
			}
		}
		if asked != "" {
			wsjson.Write(ctx, socket, map[string]string{"type": "select_asset", "asset": asked}) // Read tells of a failure
		}
	}
}

func main() {
	address, room, player := os.Args[1], os.Args[2], os.Args[3]
	for failures := 0; ; failures++ {
		begin, ctx := time.Now(), context.Background()
		socket, response, err := websocket.Dial(ctx, address+"/v1/rooms/"+room+"/ws?player="+player+place, nil)
		if err == nil {
			err = play(ctx, socket, player)
			socket.CloseNow()
			if time.Since(begin) > 3*time.Second {
				failures = 0
			}
		} else if response != nil && response.StatusCode != 429 && response.StatusCode != 503 {
			log.Fatal(err)
		}
		backoff := min(10, 0.25*float64(int(1)<<min(failures, 6))) * (0.5 + rand.Float64()/2)
		var closed websocket.CloseError
		if errors.As(err, &closed) && closed.Code >= 4000 && closed.Code < 4100 {
			log.Fatal(err)
		} else if closed.Code >= 4100 && closed.Code < 4200 {
			var reason struct {
				Milliseconds float64 `json:"retry_after_ms"`
			}
			json.Unmarshal([]byte(closed.Reason), &reason)
			backoff = reason.Milliseconds / 1000
		}
		time.Sleep(time.Duration(backoff * float64(time.Second)))
	}
}
