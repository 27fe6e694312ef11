import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'

import { native, noMounts } from './support.ts'
import { file, tar } from './tarbytes.ts'

/** What work.mjs works on. */
export interface Places {
  readonly tree: string
  readonly empty: string
  readonly tar: string
  readonly mounts: string[]
  readonly copies: string[]
  readonly mayMount: boolean
  /** Of who started the work: who is ended in the middle owns none. */
  readonly descriptors: { tree: number; sink: number; lock: number; targets: number[] }
}

/** Makes it: a tree of some hundred files, a tar, and empty directories; its descriptors are closed after the suite. */
export function makePlaces(make: (name: string) => string, word: string): Places {
  const tree = make(`${word}-tree`)
  for (let index = 0; index < 60; index++) {
    mkdirSync(`${tree}/${String(index)}`)
    for (const name of ['a', 'b', 'c']) writeFileSync(`${tree}/${String(index)}/${name}`, 'x'.repeat(5000))
  }
  native.setxattrSync(tree, 'user.test', Buffer.from('value'), 0, true)
  const entries = Array.from({ length: 100 }, (_, index) => file(`file-${String(index)}`, 'y'.repeat(index * 50)))
  writeFileSync(`${tree}.tar`, tar(...entries))
  writeFileSync(`${tree}.lock`, '')
  const several = (kind: string): string[] =>
    Array.from({ length: 4 }, (_, index) => make(`${word}-${kind}-${String(index)}`))
  const descriptors = {
    tree: openSync(tree, 'r'),
    sink: openSync('/dev/null', 'w'),
    lock: openSync(`${tree}.lock`, 'r+'),
    targets: several('target').map((path) => openSync(path, 'r')),
  }
  after(() => {
    const { targets, ...others } = descriptors
    for (const fd of [...Object.values(others), ...targets]) closeSync(fd)
  })
  return {
    tree,
    empty: make(`${word}-empty`),
    tar: `${tree}.tar`,
    mounts: several('mount'),
    copies: several('copy'),
    mayMount: noMounts() === undefined,
    descriptors,
  }
}
