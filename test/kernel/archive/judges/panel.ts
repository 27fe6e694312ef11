import { manifestDifferences } from './bsdtar.ts'
import { gnuDifferences, gnuWarnings } from './gnu-tar.ts'
import { buildGoLister, type Lister, listingDifferences, python } from './listing.ts'

/** What a judge has against a tar of a tree; empty when he has nothing. */
export type Verdict = (tar: string, tree: string) => string[]

export interface Judge {
  readonly name: string
  /** The programs that it takes. */
  readonly programs: readonly string[]
  readonly verdict: Verdict
  /** Whether it reads what `isWild()` tells. */
  readonly wild: boolean
}

/**
 * Programs that others wrote, each with its own reader.
 *
 * @param directory where Go's judge is built, when it is first asked; not made yet.
 */
export function panel(directory: () => string): Judge[] {
  let built: Lister | undefined
  const go: Verdict = (tar, tree) => listingDifferences((built ??= buildGoLister(directory())), tar, tree)
  const pythonVerdict: Verdict = (tar, tree) => listingDifferences(python, tar, tree)
  return [
    { name: 'GNU tar, comparing', programs: ['tar'], verdict: gnuDifferences, wild: true },
    { name: 'GNU tar, listing', programs: ['tar'], verdict: gnuWarnings, wild: true },
    { name: 'bsdtar', programs: ['bsdtar'], verdict: manifestDifferences, wild: false },
    { name: 'archive/tar of Go', programs: ['go'], verdict: go, wild: true },
    { name: 'tarfile of Python', programs: ['python3'], verdict: pythonVerdict, wild: true },
  ]
}
