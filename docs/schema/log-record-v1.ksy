# The record on Twitchy's log topic, version 1, for Kaitai Struct (kaitai-struct-compiler makes readers for Java, Python,
# Go, C++, JavaScript and more from it). The text that goes with it is docs/log-record.md. Version 1 never changes:
# another layout will be another version, in a file of its own.
meta:
  id: log_record_v1
  title: Record of Twitchy's log, version 1
  license: MIT OR Apache-2.0
  encoding: UTF-8
  endian: le
doc: |
  The value of one Kafka record. A reader that meets another version or kind sets the record aside, counts it and goes on.
  Bytes left over behind the body make the record malformed.
doc-ref: docs/log-record.md
seq:
  - id: version
    type: u1
    valid: 1
  - id: kind
    type: u1
    enum: kind
    valid:
      any-of:
        - kind::message
  - id: body
    type: message
    size-eos: true
enums:
  kind:
    1: message
types:
  message:
    seq:
      - id: id
        size: 16
        doc: A UUID of version 7, in the order in which it is written.
      - id: room
        type: varint
        doc: Number of the room.
      - id: author
        type: author
      - id: text
        type: text
        doc: What everybody sees, after the room's style.
      - id: original
        type: text
        doc: What was typed. For its author and for moderators only.
      - id: len_emotes
        type: varint
      - id: emotes
        type: emote
        repeat: expr
        repeat-expr: len_emotes.value
      - id: len_mentions
        type: varint
      - id: mentions
        type: text
        repeat: expr
        repeat-expr: len_mentions.value
        doc: Usernames.
      - id: has_reply_to
        type: bool
      - id: reply_to
        type: reply_to
        if: has_reply_to.value
      - id: action
        type: bool
        doc: Written with /me.
      - id: styled
        type: bool
        doc: False when the style failed and `text` is what was typed.
      - id: sent_at
        type: varint
        doc: Milliseconds since 1970-01-01T00:00:00Z, by the clock of the gateway that accepted it.
      - id: has_nonce
        type: bool
      - id: nonce
        type: text
        if: has_nonce.value
        doc: The sender's own key against sending twice.
  author:
    seq:
      - id: id
        type: varint
      - id: username
        type: text
        doc: Lower case.
      - id: display_name
        type: text
      - id: color
        type: text
        doc: "As #RRGGBB."
      - id: len_badges
        type: varint
      - id: badges
        type: text
        repeat: expr
        repeat-expr: len_badges.value
  emote:
    doc: A picture in `text`. Places count Unicode code points from 0; `end` is the last one of it.
    seq:
      - id: id
        type: text
      - id: name
        type: text
      - id: start
        type: varint
      - id: end
        type: varint
  reply_to:
    doc: The message that this one answers.
    seq:
      - id: id
        size: 16
      - id: username
        type: text
      - id: display_name
        type: text
      - id: excerpt
        type: text
  text:
    seq:
      - id: len
        type: varint
        doc: In bytes.
      - id: value
        type: str
        size: len.value
  bool:
    seq:
      - id: flag
        type: u1
        valid:
          max: 1
    instances:
      value:
        value: flag == 1
  varint:
    doc: |
      An unsigned number, seven bits a byte, the lowest first; the top bit says that another byte follows. At most ten
      bytes. Java shows numbers from 2^63 as negative ones (Long.toUnsignedString), and JavaScript is exact up to 2^31 alone:
      examples/read_log.mjs is the reader for it.
    seq:
      - id: groups
        type: u1
        repeat: until
        repeat-until: _ < 0x80
    instances:
      last:
        value: groups.size - 1
      value:
        value: >-
          ((groups[0] & 0x7f).as<u8>
          + (last >= 1 ? (groups[1] & 0x7f).as<u8> << 7 : 0)
          + (last >= 2 ? (groups[2] & 0x7f).as<u8> << 14 : 0)
          + (last >= 3 ? (groups[3] & 0x7f).as<u8> << 21 : 0)
          + (last >= 4 ? (groups[4] & 0x7f).as<u8> << 28 : 0)
          + (last >= 5 ? (groups[5] & 0x7f).as<u8> << 35 : 0)
          + (last >= 6 ? (groups[6] & 0x7f).as<u8> << 42 : 0)
          + (last >= 7 ? (groups[7] & 0x7f).as<u8> << 49 : 0)
          + (last >= 8 ? (groups[8] & 0x7f).as<u8> << 56 : 0)
          + (last >= 9 ? (groups[9] & 0x7f).as<u8> << 63 : 0)).as<u8>
