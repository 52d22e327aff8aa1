// What can be asked: each address is one cache key and the work that answers it.
import { graphOf, renderGraph } from './graph'
import { noteAt } from './notes'
import { describePackage, isInstalled, packageNames, summaryOf } from './packages'
import { renderReadme } from './readme'
import { search } from './search'

export interface Question {
  key: string
  type: 'html' | 'json'
  /** Long enough to be given to a thread where there is a pool. */
  isHeavy: boolean
  load(): unknown
}

const listPackages = () => packageNames().map((name) => ({ name, description: summaryOf(name) }))

const about: [prefix: string, type: Question['type'], load: (name: string) => unknown][] = [
  ['/readme/', 'html', renderReadme],
  ['/graph/', 'html', (name) => renderGraph(graphOf(name))],
  ['/api/packages/', 'json', describePackage],
  ['/api/graph/', 'json', graphOf],
]

/** The question that a GET of `url` asks, `undefined` if there is nothing at that address. */
export function questionOf(url: URL): Question | undefined {
  const path = decodeURIComponent(url.pathname)
  if (path === '/api/packages') return { key: 'packages', type: 'json', isHeavy: false, load: listPackages }
  if (path === '/api/search') return searchFor(url.searchParams.get('q') ?? '')
  const note = noteAt(path)
  if (note !== undefined) return { key: note.key, type: 'json', isHeavy: false, load: () => note.read() }
  for (const [prefix, type, load] of about) {
    if (!path.startsWith(prefix)) continue
    const name = path.slice(prefix.length)
    if (!isInstalled(name)) return undefined
    return { key: path.slice(1), type, isHeavy: false, load: () => load(name) }
  }
  return undefined
}

/** Different spellings of one query are one question. */
export function searchFor(text: string): Question {
  const query = text.toLowerCase().split(/\s+/).filter(Boolean).join(' ').slice(0, 80)
  return { key: `search/${query}`, type: 'json', isHeavy: true, load: () => search(query) }
}
