// The slow source of this example: the packages installed next to it, read from disk each time.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

const folder = join(__dirname, '../../../node_modules')

export interface PackageInfo {
  name: string
  version: string
  description: string
  license: string
  homepage: string
  keywords: string[]
  dependencies: string[]
  files: number
  bytes: number
  readmeBytes: number
}

interface Listed {
  description: string
  dependencies: string[]
  /** The README's file name, if there is one. */
  readme: string | undefined
}

type Manifest = Record<string, unknown> & { dependencies?: Record<string, string> }

const manifestFile = (name: string): string => join(folder, name, 'package.json')

// Listed once per isolate: the example installs nothing while it runs.
let listed: Map<string, Listed> | undefined

function list(): Map<string, Listed> {
  const names = readdirSync(folder)
    .flatMap((name) => (name.startsWith('@') ? readdirSync(join(folder, name)).map((part) => `${name}/${part}`) : [name]))
    .filter((name) => existsSync(manifestFile(name)))
    .sort()
  return new Map(names.map((name) => {
    const manifest = JSON.parse(readFileSync(manifestFile(name), 'utf8')) as Manifest
    return [name, {
      description: String(manifest.description ?? ''),
      dependencies: Object.keys(manifest.dependencies ?? {}).filter((wanted) => names.includes(wanted)).sort(),
      readme: readdirSync(join(folder, name)).find((file) => /^readme(\.md|\.markdown)?$/i.test(file)),
    }]
  }))
}

/** The names of the installed packages, in alphabetical order. */
export function packageNames(): string[] {
  return [...(listed ??= list()).keys()]
}

export function isInstalled(name: string): boolean {
  return (listed ??= list()).has(name)
}

// Names come from URLs: only those that were listed are ever joined to a path.
function known(name: string): Listed {
  const found = (listed ??= list()).get(name)
  if (!found) throw new Error(`no package ${name} is installed`)
  return found
}

export const summaryOf = (name: string): string => known(name).description

/** The installed packages that `name` asks for at run time. */
export const dependenciesOf = (name: string): string[] => known(name).dependencies

/** The Markdown of a package's README, '' if it has none. */
export async function readmeOf(name: string): Promise<string> {
  const { readme } = known(name)
  return readme ? readFile(join(folder, name, readme), 'utf8') : ''
}

/** Metadata from package.json and the size of everything the package installed. */
export async function describePackage(name: string): Promise<PackageInfo> {
  const { description, dependencies } = known(name)
  const manifest = JSON.parse(await readFile(manifestFile(name), 'utf8')) as Manifest
  return {
    name,
    version: String(manifest.version ?? ''),
    description,
    license: textOf(manifest.license),
    homepage: textOf(manifest.homepage),
    keywords: Array.isArray(manifest.keywords) ? manifest.keywords.map(String) : [],
    dependencies,
    ...await sizeOf(join(folder, name)),
    readmeBytes: Buffer.byteLength(await readmeOf(name)),
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

async function sizeOf(path: string): Promise<{ files: number; bytes: number }> {
  let files = 0
  let bytes = 0
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name !== 'node_modules') {
      const below = await sizeOf(join(path, entry.name))
      files += below.files
      bytes += below.bytes
    } else if (entry.isFile()) {
      files += 1
      bytes += (await stat(join(path, entry.name))).size
    }
  }
  return { files, bytes }
}
