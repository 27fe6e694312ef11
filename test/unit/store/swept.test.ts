import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { AT_FDCWD, utimensatSync } from 'graphdriver/sys'
import type { Layout } from '#lib/store/index.js'
import { unsureOf } from '#lib/store/swept.js'
import { plant, scratch } from './support.ts'

const NAMES = ['layers', 'diff', 'mnt']
const LATER = 10_000

describe('which directories a sweep reads', () => {
  const directory = scratch()
  let layout: Layout

  /** As some seconds later: what has just changed counts as old then. */
  const look = (): ReturnType<typeof unsureOf> => unsureOf(layout, NAMES, Date.now() + LATER)
  const unsure = async (): Promise<string[]> => (await look()).directories
  const text = (): string => readFileSync(layout.swept, 'utf8')

  beforeEach(async () => {
    layout = plant(directory.path, { 'layers/base': '', 'diff/base/': '', 'mnt/base/': '' })
    await (await look()).noteClean()
  })

  it('all of a store that has no note, and none that did not change', async () => {
    assert.deepEqual(await unsure(), [])
    rmSync(layout.swept)
    assert.deepEqual(await unsure(), NAMES)
  })
  it('what is in a layer is no change', async () => {
    writeFileSync(directory.at('diff/base/file'), '')
    assert.deepEqual(await unsure(), [])
  })
  const changes: [what: string, change: () => void, changed: string[]][] = [
    ['a name that came', () => writeFileSync(directory.at('layers/.gone-x'), ''), ['layers']],
    ['a name that went', () => rmdirSync(directory.at('mnt/base')), ['mnt']],
    [
      'another name',
      () => renameSync(directory.at('diff/base'), directory.at('diff/base-removing')),
      ['diff'],
    ],
    [
      'another directory',
      () => {
        renameSync(directory.at('diff'), directory.at('old'))
        mkdirSync(directory.at('diff'))
      },
      ['diff'],
    ],
    [
      'a name that came, and the time set back',
      () => {
        const { atimeNs, mtimeNs } = lstatSync(directory.at('diff'), { bigint: true })
        mkdirSync(directory.at('diff/x-removing'))
        utimensatSync(AT_FDCWD, directory.at('diff'), atimeNs, mtimeNs)
      },
      ['diff'],
    ],
    ['one that is gone', () => rmSync(directory.at('mnt'), { recursive: true }), ['mnt']],
  ]
  for (const [what, change, changed] of changes) {
    it(`${what} is one`, async () => {
      change()
      assert.deepEqual(await unsure(), changed)
    })
  }
  it('one that changed in the last moments is not noted: it may change again within one tick', async () => {
    writeFileSync(directory.at('layers/more'), '')
    await (await unsureOf(layout, NAMES)).noteClean()
    assert.deepEqual(await unsure(), ['layers'])
    await (await look()).noteClean()
    assert.deepEqual(await unsure(), [])
  })
  it('a change between the look and the note is none that was seen', async () => {
    writeFileSync(directory.at('layers/more'), '')
    const before = await look()
    writeFileSync(directory.at('layers/.new-x'), '')
    await before.noteClean()
    assert.deepEqual(await unsure(), ['layers'])
  })
  it('a note of another start of the machine counts for nothing', async () => {
    writeFileSync(layout.swept, text().replace(/"boot": "\w+/, '"boot": "another'))
    assert.deepEqual(await unsure(), NAMES)
  })
  it('nor does one that was cut, or is no note, or no file', async () => {
    for (const broken of ['', text().slice(0, -20), 'null', '[]', '{"boot":1}', '{}']) {
      writeFileSync(layout.swept, broken)
      assert.deepEqual(await unsure(), NAMES, broken)
    }
    rmSync(layout.swept)
    mkdirSync(layout.swept)
    await (await look()).noteClean()
    assert.deepEqual(await unsure(), NAMES)
  })
  it('a link in its place is replaced, and what it leads to stays', async () => {
    const note = text()
    rmSync(layout.swept)
    writeFileSync(directory.at('sentinel'), note)
    symlinkSync('sentinel', layout.swept)
    symlinkSync('sentinel', `${layout.swept}.new`)
    assert.deepEqual(await unsure(), NAMES)
    await (await look()).noteClean()
    assert.deepEqual(await unsure(), [])
    assert.equal(readFileSync(directory.at('sentinel'), 'utf8'), note)
    assert.ok(!existsSync(`${layout.swept}.new`))
  })
})
