import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { Layout } from '#lib/store/index.js'
import { type Surveyed, surveyLayers } from '#lib/store/survey.js'
import { findNames, firstLines } from '#lib/sys/names.js'
import { plant, scratch, withCode } from './support.ts'

describe('all metadata at once', () => {
  const directory = scratch()
  let layout: Layout

  /** A chain of `depth` layers, `c0` the base. */
  function chain(depth: number, size = 1): void {
    const files: Record<string, string> = { 'layers/': '' }
    let above = ''
    for (let at = 0; at < depth; at++) {
      const id = `c${String(at).padStart(size, '0')}`
      files[`layers/${id}`] = above
      above = `${id}\n${above}`
    }
    layout = plant(directory.path, files)
  }
  async function survey(): Promise<Record<string, string | undefined>> {
    const found = await surveyLayers(layout)
    const text = ({ parent, corrupt }: Surveyed): string | undefined => (corrupt ? 'corrupt' : parent)
    return Object.fromEntries(found.map((one): [string, string | undefined] => [one.id, text(one)]).sort())
  }

  it('is each layer and its parent, in long chains of long ids too', async () => {
    chain(300, 100)
    const found = Object.entries(await survey())
    assert.equal(found.length, 300)
    for (const [at, [, parent]] of found.entries()) assert.equal(parent, found[at - 1]?.[0])
  })
  it('of none, and without what is no layer', async () => {
    layout = plant(directory.path, { 'layers/.new-x': 'c0\n', 'layers/.gone-y': '', 'layers/a b': '' })
    assert.deepEqual(await survey(), {})
    layout = new Layout(directory.at('missing'))
    await assert.rejects(surveyLayers(layout), withCode('ENOENT'))
  })
  it('a parent that is not there is named all the same', async () => {
    layout = plant(directory.path, { 'layers/x': 'lost\nolder\n' })
    assert.deepEqual(await survey(), { x: 'lost' })
  })
  it('a chain that is not the parent’s is looked at by itself', async () => {
    chain(4)
    // Of the same size, and other words.
    writeFileSync(layout.metadata('c3'), 'c2\nc0\nc1\n')
    assert.deepEqual(await survey(), { c0: undefined, c1: 'c0', c2: 'c1', c3: 'c2' })
    writeFileSync(layout.metadata('c3'), 'c2\nc1\n\0\n')
    assert.equal((await survey())['c3'], 'corrupt')
  })
  const broken: [what: string, text: string][] = [
    ['cut in an id', 'c1\nc'],
    ['of no id', '../x\n'],
    ['of one line without an end', 'c'.repeat(1000)],
    ['a circle', 'c1\nc2\nc0\n'],
    ['of bytes', '\xff\xfe\n'],
  ]
  for (const [what, text] of broken) {
    it(`what is ${what} is corrupt, and nothing else`, async () => {
      chain(4)
      writeFileSync(layout.metadata('c2'), text)
      const { c2, ...others } = await survey()
      assert.equal(c2, 'corrupt')
      assert.deepEqual(others, { c0: undefined, c1: 'c0', c3: 'c2' })
    })
  }
  it('what was cut to nothing is corrupt, and a base layer is none', async () => {
    chain(2)
    writeFileSync(layout.metadata('c1'), '')
    chmodSync(layout.metadata('c1'), 0o400)
    assert.deepEqual(await survey(), { c0: undefined, c1: 'corrupt' })
  })
  it('a directory and a link are corrupt; one of any length is read', async () => {
    chain(1)
    mkdirSync(layout.metadata('d'))
    symlinkSync('c0', layout.metadata('l'))
    writeFileSync(layout.metadata('long'), 'x\n'.repeat(300_000))
    assert.deepEqual(await survey(), { c0: undefined, d: 'corrupt', l: 'corrupt', long: 'corrupt' })
  })

  it('sums tell texts apart that differ in one byte, wherever it is', async () => {
    const text = `first\n${Array.from({ length: 40 }, (_, at) => `line ${String(at)}\n`).join('')}`
    mkdirSync(directory.at('sums'))
    writeFileSync(directory.at('sums/whole'), text)
    writeFileSync(directory.at('sums/rest'), text.slice(6))
    for (let at = 0; at < text.length - 6; at++) {
      const other = Buffer.from(text.slice(6))
      other[at] = other[at]! ^ 1
      writeFileSync(directory.at(`sums/${String(at)}`), other)
    }
    const files = await firstLines(directory.at('sums'), 10_000)
    const numbers = new Map(Array.from({ length: files.length }, (_, at) => [files.name(at), at]))
    const whole = numbers.get('whole')!
    assert.equal(files.line(whole), 'first')
    assert.deepEqual(
      [...numbers].filter(([, at]) => files.continues(whole, at)).map(([name]) => name),
      ['rest'],
    )
  })
  it('names are found by how they begin or end', async () => {
    plant(
      directory.path,
      Object.fromEntries(['.a', 'b-end', '-end', 'end', '.c-end', 'ö-end'].map((name) => [`n/${name}`, ''])),
    )
    const find = async (beginning: string, ending: string): Promise<string[]> =>
      (await findNames(directory.at('n'), beginning, ending)).sort()
    assert.deepEqual(await find('.', ''), ['.a', '.c-end'])
    assert.deepEqual(await find('', '-end'), ['-end', '.c-end', 'b-end', 'ö-end'])
    assert.deepEqual(await find('.', 'end'), ['-end', '.a', '.c-end', 'b-end', 'end', 'ö-end'])
    assert.deepEqual(await find('', ''), [])
    symlinkSync('n', directory.at('link'))
    await assert.rejects(findNames(directory.at('link'), '.', ''), withCode('ENOTDIR'))
    assert.equal(readFileSync(directory.at('n/end'), 'utf8'), '')
  })
})
