import { naming } from '../naming.ts'
import { appliedText, openTar, tellWarnings } from '../tar.ts'
import type { Verb } from '../verb.ts'

export const apply: Verb = {
  name: 'apply',
  summary: 'unpack a tar into an empty layer',
  details: [
    'Whole or not at all: what fails or is interrupted leaves the layer as it was. The tar is plain, or compressed with gzip or zstd (Node.js 22.15).',
  ],
  arguments: [
    { name: '<id>', summary: 'an empty layer', kind: 'layer' },
    { name: '[file]', summary: 'the tar; without it or for -, the standard input', kind: 'file' },
  ],
  shape: '{ id, size, entries, diffID, warnings: { code, path, detail }[] }',
  async run(input, context) {
    const id = input.word('id')
    await using tar = await openTar(input.maybe('file'))
    await using driver = await context.open()
    const result = await context.watchedTar(`apply ${id}`, tar.length, (options) =>
      naming(tar.name, 'read', () => driver.applyDiff(id, tar.source, options)),
    )
    tellWarnings(context, result.warnings)
    return { data: { id, ...result }, text: () => appliedText(result) }
  },
}
