import { naming } from '../naming.ts'
import { appliedText, openTar, tellWarnings } from '../tar.ts'
import type { Verb } from '../verb.ts'

export const create: Verb = {
  name: 'create',
  summary: 'make a layer, empty or of a tar',
  details: [
    'The store is made when there is none. With --from the layer exists whole or not at all; the tar is plain, or compressed with gzip or zstd.',
  ],
  arguments: [{ name: '<id>', summary: 'the new layer' }],
  options: [
    { flags: '-p, --parent <id>', summary: 'the layer below; without it, a base layer', kind: 'layer' },
    {
      flags: '--from <file>',
      summary: 'a tar of what the layer is to hold; - is the standard input',
      kind: 'file',
    },
  ],
  shape: '{ id, parent?, applied?: { size, entries, diffID, warnings } }',
  examples: [
    { command: 'graphdriver create base --from rootfs.tar.gz', says: 'a base layer of a tar' },
    { command: 'graphdriver create app --parent base', says: 'an empty layer above it' },
  ],
  async run(input, context) {
    const id = input.word('id')
    const from = input.maybe('from')
    const below = input.given({ parent: 'parent' })
    if (from === undefined) {
      await using driver = await context.open({ make: true })
      await driver.create(id, { ...below, signal: context.signal })
      return { data: { id, ...below }, text: () => id }
    }
    await using tar = await openTar(from)
    await using driver = await context.open({ make: true })
    const applied = await context.watchedTar(`create ${id}`, tar.length, (options) =>
      naming(tar.name, 'read', () => driver.create(id, { ...below, from: tar.source, ...options })),
    )
    tellWarnings(context, applied.warnings)
    return { data: { id, ...below, applied }, text: () => `${id}: ${appliedText(applied)}` }
  },
}
