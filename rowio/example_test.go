package rowio_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/metaxy-go/metaxy/rowio"
)

const emoji = `hexcode,annotation,color_sha256,order
1F600,grinning face,4b9c71,1
1F601,"beaming face, smiling eyes",250bb3,2
`

func ExampleRead() {
	rows, err := rowio.Read(strings.NewReader(emoji), "emoji.csv", rowio.CSV)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := rowio.Write(os.Stdout, rowio.JSON, rows); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"hexcode":"1F600","annotation":"grinning face","color_sha256":"4b9c71","order":1}
	// {"hexcode":"1F601","annotation":"beaming face, smiling eyes","color_sha256":"250bb3","order":2}
}

func ExampleWithVersions() {
	rows, err := rowio.Read(strings.NewReader(emoji), "emoji.csv", rowio.CSV)
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, err = rowio.WithVersions(rows, rowio.FromColumn("color", "color_sha256"), rowio.HashOf("text", "annotation"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := rowio.Write(os.Stdout, rowio.Table, rows, rowio.WithCellWidth(16)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// hexcode  annotation        color_sha256  order  data_version.color  data_version.text
	// ───────  ────────────────  ────────────  ─────  ──────────────────  ─────────────────
	// 1F600    grinning face     4b9c71            1  4b9c71              51179cd8c9ca547…
	// 1F601    beaming face, s…  250bb3            2  250bb3              680f44584b6764e…
}

func ExampleProject() {
	rows, err := rowio.Read(strings.NewReader(emoji), "emoji.csv", rowio.CSV)
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, err = rowio.Project(rows, "order", "hexcode")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := rowio.Write(os.Stdout, rowio.CSV, rows); err != nil {
		fmt.Println(err)
	}
	// Output:
	// order,hexcode
	// 1,1F600
	// 2,1F601
}
