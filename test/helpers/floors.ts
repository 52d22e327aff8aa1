// The floors of the repository: what each folder may import, which file is the door to a package.
import type { Import } from './imports'

/** A folder (or a single file) and what else it may import. First match wins; `''` is the rest. */
const FLOORS: readonly [folder: string, may: readonly string[]][] = [
  ['src/words/', []],
  ['src/wire/', ['src/words/']],
  ['src/l1/', ['src/words/', 'src/wire/']],
  ['src/l2/', ['src/words/', 'src/wire/']],
  // Beside the near tier: its contract, and the native binary behind its door.
  ['src/journal/', ['src/words/', 'src/wire/', 'src/l1/table', 'src/l1/native', 'src/l1/shared-isolate']],
  // Beside the near tier as well, of which it knows the contracts; directories are checked as the journal checks its own.
  ['src/disk/', ['src/words/', 'src/wire/', 'src/l1/table', 'src/l1/copies', 'src/journal/disk-files']],
  // Of the tiers and the journal only the contracts.
  ['src/sync/', ['src/words/', 'src/wire/', 'src/l1/table', 'src/disk/contract', 'src/l2/contract', 'src/journal/contract']],
  // The program beside the applications; nobody below knows it.
  ['src/cli/', ['src/']],
  ['src/', ['src/words/', 'src/wire/', 'src/l1/', 'src/l2/', 'src/journal/', 'src/disk/', 'src/sync/']],
  ['workers/', ['src/']],
  // The example with Redis starts a server of its own.
  ['examples/', ['src/', 'bench/redis-', 'bench/free-port', 'bench/process-guard']],
  ['bench/', ['src/', 'native/']],
  ['test/', ['src/', 'bench/', 'examples/', 'native/']],
  ['native/base/', []],
  ['native/shm/', ['native/base/']],
  ['native/table/', ['native/base/', 'native/shm/']],
  ['native/service/', ['native/base/', 'native/shm/', 'native/table/']],
  ['native/journal/', ['native/base/', 'native/shm/']],
  ['native/binding/', ['native/base/', 'native/shm/', 'native/table/', 'native/service/', 'native/journal/']],
]

/** Who may load a package or include a header, by place. In src/ every package needs a line here. */
const DOORS: readonly [what: RegExp, within: string, door: string][] = [
  [/^msgpackr($|\/)/, 'src/', 'src/wire/codec'],
  [/^lmdb$/, 'src/', 'src/disk/lmdb'],
  [/^ioredis($|\/)/, 'src/', 'src/l2/redis'],
  [/^piscina$/, 'src/', 'src/wire/thread-pool'],
  [/^lru-cache$/, 'src/', 'src/l1/process-store'],
  [/^a \.node file$/, 'src/', 'src/l1/native'],
  [/^uvu($|\/)/, '', 'test/helpers/suite'],
  [/^(napi|node_api|js_native_api|node_api_types|js_native_api_types|uv|v8|node)\.h$/, '', 'native/binding/'],
  [/^(sys\/.*|linux\/.*|unistd|fcntl|dirent|pthread|signal|sched|poll)(\.h)?$/, 'native/', 'native/shm/'],
]

export function violations(imports: readonly Import[]): string[] {
  return [...imports.flatMap((edge) => [...outsideFloors(edge), ...outsideDoors(edge)]), ...cycles(imports)]
}

const startsWith = (path: string) => (prefix: string): boolean => path.startsWith(prefix)

function outsideFloors({ from, to, isOutside }: Import): string[] {
  if (isOutside) return []
  const floor = FLOORS.find(([folder]) => from.startsWith(folder))
  if (!floor) return [`${from} is on no floor`]
  const [own, may] = floor
  // A folder below another is a floor of its own.
  const home = FLOORS.find(([folder]) => to.startsWith(folder))?.[0]
  return home === own || may.some(startsWith(to)) ? [] : [`${from} must not import ${to}`]
}

function outsideDoors({ from, to, isOutside, isTypeOnly }: Import): string[] {
  if (isTypeOnly) return []
  const doors = DOORS.filter(([what, within]) => what.test(to) && from.startsWith(within))
  const wrong = doors.filter(([, , door]) => !from.startsWith(door)).map(([, , door]) => `${from} loads ${to}, whose door is ${door}`)
  const isPackage = isOutside && from.startsWith('src/') && !to.startsWith('node:')
  return isPackage && doors.length === 0 ? [`${from} loads ${to}, which has no door`] : wrong
}

/** Each cycle once, by the file where it was met. */
function cycles(imports: readonly Import[]): string[] {
  const targets = new Map<string, string[]>()
  for (const { from, to, isOutside } of imports) {
    if (!isOutside) targets.set(from, [...targets.get(from) ?? [], to])
  }
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) found.push(`cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`)
    if (path.includes(file) || done.has(file)) return
    for (const target of targets.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of targets.keys()) visit(file, [])
  return found
}
