<?php
// Laravel's queue, as Debian has its parts: usage: php laravel_app.php ACTION, which is one of those below
require_once 'Illuminate/Queue/autoload.php';
require_once 'Illuminate/Redis/autoload.php';
require_once 'Illuminate/Events/autoload.php';
require_once 'Illuminate/Bus/autoload.php';

use Illuminate\Bus\Dispatcher as Bus;
use Illuminate\Container\Container;
use Illuminate\Contracts\Bus\Dispatcher as BusContract;
use Illuminate\Contracts\Container\Container as ContainerContract;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Events\Dispatcher as EventsContract;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Events\Dispatcher;
use Illuminate\Queue\Connectors\RedisConnector;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\QueueManager;
use Illuminate\Queue\Worker;
use Illuminate\Queue\WorkerOptions;
use Illuminate\Redis\RedisManager;

const BRIEF = 0.05; // Seconds.
const BRIEF_JOBS = 60;

// Says that it runs, holds its worker up, says that it has finished. Unless it is told how long, it holds its worker up
// until that is killed.
class Task implements ShouldQueue
{
    use InteractsWithQueue;

    public function __construct(public float $seconds = 600)
    {
    }

    public function handle()
    {
        $name = bin2hex(random_bytes(16));
        touch(getenv('RUNNING') . "/$name");
        usleep((int) ($this->seconds * 1e6));
        touch(getenv('FINISHED') . "/$name");
    }
}

class PrintExceptions implements ExceptionHandler
{
    public function report(Throwable $e)
    {
        fwrite(STDERR, "$e\n");
    }

    public function shouldReport(Throwable $e)
    {
        return true;
    }

    public function render($request, Throwable $e)
    {
    }

    public function renderForConsole($output, Throwable $e)
    {
    }
}

$app = new Container();
Container::setInstance($app);
$app->instance('config', [
    'queue.default' => 'redis',
    'queue.connections.redis' => [
        'driver' => 'redis', 'connection' => 'default', 'queue' => 'jobs', 'retry_after' => 3600,
    ],
]);
$events = new Dispatcher($app);
$app->instance(ContainerContract::class, $app);
$app->instance(EventsContract::class, $events);
$app->instance(BusContract::class, new Bus($app));
$redis = new RedisManager($app, 'phpredis', [
    'options' => ['prefix' => 'app_database_'],
    'default' => ['host' => '127.0.0.1', 'port' => (int) getenv('REDIS_PORT'), 'database' => 0],
]);
$manager = new QueueManager($app);
$manager->addConnector('redis', fn () => new RedisConnector($redis));
$queue = $manager->connection('redis');

$actions = [
    'enqueue' => function () use ($queue) {
        for ($i = 0; $i < 5; ++$i) {
            $queue->push(new Task());
        }
        $queue->later(3600, new Task());
    },
    'enqueue_brief' => function () use ($queue) {
        for ($i = 0; $i < BRIEF_JOBS; ++$i) {
            $queue->push(new Task(BRIEF));
        }
    },
    'enqueue_soon' => fn () => $queue->later(1, new Task()),
    'enqueue_every_state' => function () use ($queue) {
        for ($i = 0; $i < 5; ++$i) {
            $queue->push(new Task());
        }
        $queue->pop()->delete();
        $queue->pop()->release(3600);
        $queue->pop()->release();
        $queue->pop();  // Is reserved, for ever.
    },
    'work' => function () use ($app, $manager, $events) {
        $worker = new Worker($manager, $events, new PrintExceptions(), fn () => false);
        $worker->daemon('redis', 'jobs', new WorkerOptions(timeout: 0, sleep: 1, maxTries: 1));
    },
    'report' => function () use ($queue) {
        echo json_encode(['all' => $queue->size()]);
    },
];
$actions[$argv[1]]();
