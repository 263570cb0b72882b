# Sidekiq: usage: ruby sidekiq_app.rb enqueue | report; work is `sidekiq -r ./sidekiq_app.rb`.
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
    FileUtils.touch(File.join(ENV['MARKERS'], SecureRandom.uuid))
    sleep 600
  end
end

case ARGV[0]
when 'enqueue'
  5.times { Task.perform_async }
  Task.perform_in(3600)
  Task.set(queue: 'other').perform_async
  Task.set(queue: 'other').perform_in(3600)
when 'report'
  of_jobs = ->(job) { job.queue == 'jobs' }
  puts JSON.generate(
    waiting: Sidekiq::Queue.new('jobs').size,
    in_flight: Sidekiq::Workers.new.count { |_process, _thread, work| work['queue'] == 'jobs' },
    delayed: Sidekiq::ScheduledSet.new.count(&of_jobs) + Sidekiq::RetrySet.new.count(&of_jobs)
  )
end
