import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

import * as user from './user.ts'

const { version } = JSON.parse(readFileSync(join(user.root, 'package.json'), 'utf8')) as { version: string }

describe('the release script', () => {
  let work: string

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'release-'))
    // In front of the real one: it writes down what it is asked for, and publishes nothing.
    const real = user.succeeds(['sh', '-c', 'command -v npm'], user.root).trim()
    const script = `#!/bin/sh\necho "$@" >> '${work}/calls'\n[ "$1" = publish ] || exec '${real}' "$@"\n`
    writeFileSync(join(work, 'npm'), script)
    chmodSync(join(work, 'npm'), 0o755)
  })
  after(() => {
    rmSync(work, { recursive: true })
  })

  function release(...words: string[]): user.Outcome {
    const PATH = `${work}${delimiter}${process.env['PATH'] ?? ''}`
    // Programs that it runs leave files behind there.
    const env = { ...user.environment(), PATH, TMPDIR: work }
    return user.run([process.execPath, 'scripts/release.mjs', ...words], user.root, env)
  }

  function calls(): string {
    return existsSync(join(work, 'calls')) ? readFileSync(join(work, 'calls'), 'utf8') : ''
  }

  it('wants a version', () => {
    const { status, text } = release('--publish')
    assert.equal(status, 1)
    assert.match(text, /which version/)
    assert.equal(calls(), '')
  })

  it('publishes nothing that is not the version of package.json, nor without its tag and its date', () => {
    const { status, text } = release('999.0.0', '--publish')
    assert.equal(status, 1)
    assert.match(text, /in the way: package\.json has version/)
    assert.match(text, /in the way: CHANGELOG\.md begins with/)
    assert.match(text, /in the way: this commit has no tag v999\.0\.0/)
    assert.match(text, /nothing is published/)
    assert.equal(calls(), '')
  })

  const title = 'makes everything in a dry run, and publishes nothing'
  user
    .itLong('it builds and checks all, for minutes', title, () => {
      const { status, text } = release(version)
      assert.equal(status, 0, text)
      assert.match(text, /nothing is published; --publish would run: npm publish .*--provenance/)
      assert.doesNotMatch(calls(), /^publish/m)
      const files = readdirSync(join(user.root, 'build/release')).sort()
      const name = `graphdriver-${version}`
      assert.deepEqual(files, ['SHA256SUMS', `${name}.cdx.json`, `${name}.tgz`])
      const listing = user.succeeds(['tar', '-tzf', join(user.root, 'build/release', `${name}.tgz`)], work)
      for (const processor of ['x64', 'arm64'])
        assert.match(listing, new RegExp(`^package/prebuilds/linux-${processor}/graphdriver\\.node$`, 'm'))
      const bill = readFileSync(join(user.root, 'build/release', `${name}.cdx.json`), 'utf8')
      const { bomFormat, metadata, components } = JSON.parse(bill) as {
        bomFormat: string
        metadata: { component: { name: string; version: string } }
        components: { name: string }[]
      }
      assert.equal(bomFormat, 'CycloneDX')
      const names = components.map((component) => component.name)
      assert.deepEqual([metadata.component.name, metadata.component.version], ['graphdriver', version])
      // Those of a dependency, too; and one that development uses as well.
      for (const name of ['commander', 'tar-stream', 'streamx']) assert.ok(names.includes(name), names.join())
      assert.ok(!names.includes('mocha'), names.join())
      user.succeeds(['sha256sum', '--check', 'SHA256SUMS'], join(user.root, 'build/release'))
    })
    .timeout(900_000)
})
