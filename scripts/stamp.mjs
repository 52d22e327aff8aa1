// Whether a build step has to run again: a stamp remembers the inputs it last ran on.
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Every file at or below the given paths (relative to `root`), sorted; missing paths are no error. */
export function filesBelow(root, paths) {
  const found = []
  const visit = (path) => {
    const info = statSync(join(root, path), { throwIfNoEntry: false })
    if (info?.isFile()) found.push(path)
    if (info?.isDirectory()) for (const name of readdirSync(join(root, path))) visit(join(path, name))
  }
  paths.forEach(visit)
  return found.sort()
}

/** A stamp over `inputs`; `extra` is whatever else the result depends on (versions, flags). */
export function stamp(root, name, inputs, extra = '') {
  const file = join(root, 'build', 'stamps', name)
  // Names, sizes and times: a removed or renamed input counts as a change too.
  const describe = () => {
    const lines = filesBelow(root, inputs).map((path) => {
      const { mtimeMs, size } = statSync(join(root, path))
      return `${path} ${size} ${mtimeMs}`
    })
    return [extra, ...lines].join('\n')
  }
  let before
  return {
    isFresh() {
      before = describe()
      try { return readFileSync(file, 'utf8') === before } catch { return false }
    },
    /** Records the inputs as `isFresh` saw them, so that an edit made meanwhile still counts. */
    renew() {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, before ?? describe())
    },
  }
}
