import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../../..')

/** What a file of the bundle loads, at once or late. */
function loads(file: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  for (const [, name = ''] of text.matchAll(/(?:from|import|import\()\s*"([^"]+)"/g)) {
    if (name.startsWith('.')) loads(join(dirname(file), name), seen)
    else seen.add(name)
  }
  return seen
}

describe('the bundle', () => {
  it('has the command, with its parser', () => {
    const file = join(root, 'dist/bundle/graphdriver.js')
    assert.match(readFileSync(file, 'utf8'), /^#!\/usr\/bin\/env node\n/)
    assert.ok(loads(file).has('commander'))
  })

  for (const entry of ['index', 'archive', 'mount', 'sys']) {
    it(`${entry}: nothing of the command is loaded by the library`, () => {
      const all = loads(join(root, `dist/bundle/${entry}.js`))
      assert.equal(all.has('commander'), false)
      const files = [...all].filter((name) => name.startsWith('/'))
      assert.ok(files.length > 1 || entry === 'sys' || entry === 'archive')
      for (const file of files) assert.doesNotMatch(readFileSync(file, 'utf8'), /\/\/ lib\/cli\//)
    })
  }
})
