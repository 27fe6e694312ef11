/** A block of code in a page of Markdown. */
export interface Block {
  /** Of its first line, from 1. */
  readonly line: number
  /** What stands behind the three backticks. */
  readonly language: string
  readonly code: string
  /** What it prints: the block of text behind it. */
  readonly output?: string
  /** Why it is not run: a comment before it says so. */
  readonly notRun?: string
}

/** The blocks of a page, in their order. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const fence = /^( *)```(\w*)$/.exec(lines[at] ?? '')
    if (fence === null) continue
    const end = lines.indexOf(`${fence[1] ?? ''}\`\`\``, at + 1)
    const reason = markerBefore(lines, at)
    blocks.push({
      line: at + 2,
      language: fence[2] ?? '',
      code: lines.slice(at + 1, end).join('\n'),
      ...(reason !== undefined && { notRun: reason }),
    })
    at = end
  }
  return withOutputs(blocks)
}

/** A block of text behind one of a shell is what that one prints. */
function withOutputs(blocks: readonly Block[]): Block[] {
  return blocks.flatMap((block, at) => {
    const [before, next] = [blocks[at - 1], blocks[at + 1]]
    if (block.language === 'text' && before?.language === 'sh') return []
    return block.language === 'sh' && next?.language === 'text' ? [{ ...block, output: next.code }] : [block]
  })
}

function markerBefore(lines: readonly string[], fence: number): string | undefined {
  const before = lines.slice(0, fence).findLast((line) => line.trim() !== '') ?? ''
  return /^\s*<!-- not run: (.+) -->$/.exec(before)?.[1]
}
