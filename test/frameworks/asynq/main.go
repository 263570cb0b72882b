// asynq: usage: asynq ACTION, which is one of those at the end
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
)

const briefJobs = 60

// Says that it runs, holds its slot, says that it has finished. Unless its payload says how long, it holds its slot until
// the process is killed.
func block(_ context.Context, task *asynq.Task) error {
	name := uuid.NewString()
	duration := 10 * time.Minute
	if len(task.Payload()) > 0 {
		var err error
		if duration, err = time.ParseDuration(string(task.Payload())); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("RUNNING"), name), nil, 0o600); err != nil {
		return err
	}
	time.Sleep(duration)
	return os.WriteFile(filepath.Join(os.Getenv("FINISHED"), name), nil, 0o600)
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

func enqueueBrief(redis asynq.RedisClientOpt) error {
	client := asynq.NewClient(redis)
	defer client.Close()
	for range briefJobs {
		if _, err := client.Enqueue(asynq.NewTask("task", []byte("50ms")), asynq.Queue("jobs")); err != nil {
			return err
		}
	}
	return nil
}

func enqueueSoon(redis asynq.RedisClientOpt) error {
	client := asynq.NewClient(redis)
	defer client.Close()
	_, err := client.Enqueue(asynq.NewTask("task", nil), asynq.Queue("jobs"), asynq.ProcessIn(time.Second))
	return err
}

func enqueueEveryState(redis asynq.RedisClientOpt) error {
	client := asynq.NewClient(redis)
	defer client.Close()
	add := func(kind string, options ...asynq.Option) error {
		_, err := client.Enqueue(asynq.NewTask(kind, nil), append(options, asynq.Queue("jobs"))...)
		return err
	}
	fail := func(context.Context, *asynq.Task) error { return errors.New("as it must") }
	server := asynq.NewServer(redis, asynq.Config{Queues: map[string]int{"jobs": 1}, LogLevel: asynq.WarnLevel,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour }})
	mux := asynq.NewServeMux()
	mux.HandleFunc("fail", fail)
	mux.HandleFunc("succeed", func(context.Context, *asynq.Task) error { return nil })
	if err := errors.Join(add("succeed", asynq.Retention(time.Hour)), add("fail", asynq.MaxRetry(0)),
		add("fail", asynq.MaxRetry(1)), server.Start(mux)); err != nil {
		return err
	}
	inspector := asynq.NewInspector(redis)
	for {
		info, err := inspector.GetQueueInfo("jobs")
		if err != nil {
			return err
		}
		if info.Completed == 1 && info.Archived == 1 && info.Retry == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	server.Shutdown()
	return errors.Join(add("task"), inspector.PauseQueue("jobs"), add("task"), add("task", asynq.Group("mail")))
}

func work(redis asynq.RedisClientOpt) error {
	server := asynq.NewServer(redis,
		asynq.Config{Concurrency: 2, Queues: map[string]int{"jobs": 1}, LogLevel: asynq.WarnLevel})
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
	actions := map[string]func(asynq.RedisClientOpt) error{
		"enqueue": enqueue, "enqueue_soon": enqueueSoon, "enqueue_brief": enqueueBrief,
		"enqueue_every_state": enqueueEveryState, "work": work, "report": report}
	if err := actions[os.Args[1]](asynq.RedisClientOpt{Addr: "127.0.0.1:" + os.Getenv("REDIS_PORT")}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
