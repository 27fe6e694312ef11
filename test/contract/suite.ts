import { abort } from './verbs/abort.ts'
import { apply } from './verbs/apply.ts'
import { badInput } from './verbs/bad-input.ts'
import { brokenMetadata } from './verbs/broken-metadata.ts'
import { cleanup } from './verbs/cleanup.ts'
import { close } from './verbs/close.ts'
import { concurrency } from './verbs/concurrency.ts'
import { create } from './verbs/create.ts'
import { depth } from './verbs/depth.ts'
import { changed } from './verbs/changes.ts'
import { diff } from './verbs/diff.ts'
import { dockerRoot } from './verbs/docker-root.ts'
import { flatten } from './verbs/flatten.ts'
import { get } from './verbs/get.ts'
import { inspection } from './verbs/inspection.ts'
import { opening } from './verbs/open.ts'
import { put } from './verbs/put.ts'
import { readOnly } from './verbs/read-only.ts'
import { remove } from './verbs/remove.ts'
import { roots } from './verbs/roots.ts'
import { use } from './verbs/use.ts'
import { views } from './verbs/views.ts'
import { visible } from './verbs/visible.ts'

/** What every driver promises, whatever its way to join layers. */
export function contract(driver: string): void {
  describe(`contract of ${driver}`, () => {
    const parts = [opening, roots, readOnly, create, get, visible, put, views, use, remove, inspection]
    const rest = [
      diff,
      changed,
      apply,
      flatten,
      cleanup,
      close,
      abort,
      concurrency,
      badInput,
      brokenMetadata,
      depth,
      dockerRoot,
    ]
    for (const part of [...parts, ...rest]) part(driver)
  })
}
