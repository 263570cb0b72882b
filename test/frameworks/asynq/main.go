// asynq: usage: asynq enqueue|work|report
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
)

// Says that it runs, then holds its slot until the process is killed.
func block(context.Context, *asynq.Task) error {
	file := filepath.Join(os.Getenv("MARKERS"), uuid.NewString())
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	time.Sleep(10 * time.Minute)
	return nil
}

func enqueue(redis asynq.RedisClientOpt) error {
	client := asynq.NewClient(redis)
	defer client.Close()
	for range 5 {
		if _, err := client.Enqueue(asynq.NewTask("task", nil), asynq.Queue("jobs")); err != nil {
			return err
		}
	}
	if _, err := client.Enqueue(asynq.NewTask("task", nil), asynq.Queue("jobs"), asynq.ProcessIn(time.Hour)); err != nil {
		return err
	}
	// Nobody is there to aggregate it.
	_, err := client.Enqueue(asynq.NewTask("grouped", nil), asynq.Queue("jobs"), asynq.Group("mail"))
	return err
}

func work(redis asynq.RedisClientOpt) error {
	server := asynq.NewServer(redis, asynq.Config{Concurrency: 2, Queues: map[string]int{"jobs": 1}, LogLevel: asynq.WarnLevel})
	mux := asynq.NewServeMux()
	mux.HandleFunc("task", block)
	return server.Run(mux)
}

func report(redis asynq.RedisClientOpt) error {
	info, err := asynq.NewInspector(redis).GetQueueInfo("jobs")
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]int{
		"waiting":   info.Pending + info.Aggregating,
		"in_flight": info.Active,
		"delayed":   info.Scheduled + info.Retry,
	})
}

func main() {
	actions := map[string]func(asynq.RedisClientOpt) error{"enqueue": enqueue, "work": work, "report": report}
	if err := actions[os.Args[1]](asynq.RedisClientOpt{Addr: "127.0.0.1:" + os.Getenv("REDIS_PORT")}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
