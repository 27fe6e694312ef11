import { join } from 'node:path'
import { REMOVING } from './ids.ts'

/** The directories that a store always has; a driver adds its own. `layers`, `diff` and `mnt` are Docker's, for aufs. */
export const STORE_DIRECTORIES = ['layers', 'diff', 'mnt', 'children', 'staging', 'views'] as const

const INTENT_NEW = '.new-'
const INTENT_GONE = '.gone-'

/** Where things lie below a root. Every path of a store is made here. */
export class Layout {
  readonly root: string
  /** Paths of layers are put together by hand: a chain has hundreds of them, and ids need no normalizing. */
  readonly #below: string
  constructor(root: string) {
    this.root = root
    this.#below = join(root, '/')
  }

  get stamp(): string {
    return join(this.root, 'graphdriver.json')
  }
  get lock(): string {
    return join(this.root, 'lock')
  }
  /** Which directories were clean when they were last looked through. */
  get swept(): string {
    return join(this.root, 'swept')
  }
  directory(name: string): string {
    return join(this.root, name)
  }

  /** Text file: the ancestors of a layer, nearest first. A layer exists when this does. */
  metadata(id: string): string {
    return `${this.#below}layers/${id}`
  }
  /** The metadata of a layer that is being made: an intent, which the sweep undoes. */
  made(id: string): string {
    return join(this.root, 'layers', INTENT_NEW + id)
  }
  /** The metadata of a layer that is being deleted: an intent, which the sweep completes. */
  gone(id: string): string {
    return join(this.root, 'layers', INTENT_GONE + id)
  }
  /** The layer's own contents. */
  diff(id: string): string {
    return `${this.#below}diff/${id}`
  }
  /** Where the layer and its ancestors are seen as one. */
  mount(id: string): string {
    return `${this.#below}mnt/${id}`
  }
  /** A driver's directory of one layer, such as overlay's work directory. */
  own(directory: string, id: string): string {
    return `${this.#below}${directory}/${id}`
  }
  /** The same, aside, on its way out. */
  removing(directory: string, id: string): string {
    return join(this.root, directory, id + REMOVING)
  }
  /** One empty file for each child. */
  children(id: string): string {
    return `${this.#below}children/${id}`
  }
  staging(name: string): string {
    return join(this.root, 'staging', name)
  }
  view(name: string): string {
    return join(this.root, 'views', name)
  }
}

/** What a name in `layers/` says: an intent and the id that it is for, or undefined for plain metadata. */
export function parseIntent(name: string): { kind: 'new' | 'gone'; id: string } | undefined {
  if (name.startsWith(INTENT_NEW)) return { kind: 'new', id: name.slice(INTENT_NEW.length) }
  if (name.startsWith(INTENT_GONE)) return { kind: 'gone', id: name.slice(INTENT_GONE.length) }
  return undefined
}
