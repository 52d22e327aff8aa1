/** What the figures were measured on. */
import { execFileSync } from 'node:child_process'
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { root, versionOf } from './peers'

export function describeMachine(): Record<string, string | number> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    kernel: `${type()} ${release()} ${arch()}`,
    'memory MiB': Math.round(totalmem() / 1024 ** 2),
    node: `${process.version}, V8 ${process.versions.v8}`,
    commit: commit(),
    'lru-cache': versionOf('lru-cache'),
    ioredis: versionOf('ioredis'),
    lmdb: versionOf('lmdb'),
    'layered-loader': versionOf('layered-loader'),
    bentocache: versionOf('bentocache'),
    cacheable: versionOf('cacheable'),
    'cache-manager': versionOf('cache-manager'),
  }
}

export const load = (): number => Math.round(loadavg()[0]! * 100) / 100

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const isChanged = git('status', '--porcelain', '--', 'src', 'native', 'bench/*.ts', 'binding.gyp') !== ''
    return `${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? ' with uncommitted changes' : ''}`
  } catch {
    return 'unknown'
  }
}
