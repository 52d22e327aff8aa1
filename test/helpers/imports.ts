// Which file imports what, read from the sources: TypeScript and C++ alike.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'

export interface Import {
  from: string
  /** A file of the tree without its extension, or a package or system header by its name. */
  to: string
  isOutside: boolean
  /** Erased by the compiler: counts for the floors, not for what is loaded. */
  isTypeOnly: boolean
}

const TYPESCRIPT = /\b(?:(import|export)\s+(type\s)?[^'"`;]*?from\s*|import\s*\(\s*|import\s+|require\s*\(\s*)(['"])([^'"`$\n]+)\3/g
const CPP = /^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)/gm

/** All imports of the files below `folders`. */
export function importsOf(root: string, folders: readonly string[]): Import[] {
  return folders.flatMap((folder) => sourcesBelow(join(root, folder))).flatMap((file) => {
    const from = relative(root, file)
    const text = readFileSync(file, 'utf8')
    return /\.ts$/.test(file) ? typescriptImports(root, from, text) : cppImports(root, from, text)
  })
}

function sourcesBelow(folder: string): string[] {
  const info = statSync(folder, { throwIfNoEntry: false })
  if (!info) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|cc|h)$/.test(name) && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name))
    .sort()
}

// However a binary is found and loaded, its extension or dlopen has to be spelt out.
const BINARY = /\bdlopen\(|\.node['"`]/

function typescriptImports(root: string, from: string, text: string): Import[] {
  const binary = { from: withoutExtension(from), to: 'a .node file', isOutside: true, isTypeOnly: false }
  return [...literalImports(root, from, text), ...(BINARY.test(text) ? [binary] : [])]
}

function literalImports(root: string, from: string, text: string): Import[] {
  return [...text.matchAll(TYPESCRIPT)].filter((match) => !match[4]!.endsWith('.node')).map((match) => {
    const target = match[4]!
    const isOutside = !target.startsWith('.')
    return {
      from: withoutExtension(from),
      to: isOutside ? target : importedFile(root, from, target),
      isOutside,
      isTypeOnly: match[2] !== undefined,
    }
  })
}

function importedFile(root: string, from: string, target: string): string {
  const path = withoutExtension(posix.join(dirname(from), target)).replace(/\/$/, '')
  return statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() ? `${path}/index` : path
}

function cppImports(root: string, from: string, text: string): Import[] {
  return [...text.matchAll(CPP)].map((match) => {
    const to = match[1] === undefined ? match[2]! : includedFile(root, from, match[1])
    return { from, to, isOutside: match[1] === undefined || to === match[1], isTypeOnly: false }
  })
}

// Beside the including file, or below native/, which is on the include path.
function includedFile(root: string, from: string, name: string): string {
  const places = [posix.join(dirname(from), name), posix.join('native', name)]
  return places.find((path) => statSync(join(root, path), { throwIfNoEntry: false })) ?? name
}

const withoutExtension = (path: string): string => path.replace(/\.(ts|js)$/, '')
