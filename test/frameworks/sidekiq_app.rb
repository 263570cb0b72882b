# Sidekiq: usage: ruby sidekiq_app.rb enqueue | enqueue_soon | enqueue_every_state | report; work is `sidekiq -r ./sidekiq_app.rb`.
require 'sidekiq'
require 'sidekiq/api'
require 'fileutils'
require 'json'
require 'securerandom'

Sidekiq.configure_server { |config| config.redis = { url: ENV['REDIS_URL'] } }
Sidekiq.configure_client { |config| config.redis = { url: ENV['REDIS_URL'] } }

# Says that it runs, then holds its thread until the process is killed.
class Task
  include Sidekiq::Worker
  sidekiq_options queue: 'jobs'

  def perform
    FileUtils.touch(File.join(ENV['RUNNING'], SecureRandom.uuid))
    sleep 600
  end
end

case ARGV[0]
when 'enqueue'
  5.times { Task.perform_async }
  Task.perform_in(3600)
  Task.set(queue: 'other').perform_async
  Task.set(queue: 'other').perform_in(3600)
when 'enqueue_soon'
  Task.perform_in(1)
when 'enqueue_every_state'
  Task.perform_async
  payload = { 'class' => 'Task', 'args' => [], 'queue' => 'jobs', 'jid' => SecureRandom.hex(12), 'retry' => true }
  Sidekiq::RetrySet.new.schedule(Time.now.to_f + 3600, payload)
  Sidekiq::DeadSet.new.kill(JSON.generate(payload.merge('jid' => SecureRandom.hex(12))), notify_failure: false)
  Sidekiq::Queue.new('jobs').clear
  Task.perform_async
when 'report'
  of_jobs = ->(job) { job.queue == 'jobs' }
  puts JSON.generate(
    waiting: Sidekiq::Queue.new('jobs').size,
    in_flight: Sidekiq::Workers.new.count { |_process, _thread, work| work['queue'] == 'jobs' },
    delayed: Sidekiq::ScheduledSet.new.count(&of_jobs) + Sidekiq::RetrySet.new.count(&of_jobs)
  )
end
