package rowio_test

import (
	"fmt"
	"os"
	"path/filepath"
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

func ExampleOpen() {
	path := filepath.Join(os.TempDir(), "metaxy-example-open.csv")
	defer os.Remove(path)
	if err := os.WriteFile(path, []byte(emoji), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	rows, err := rowio.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := rows.Count()
	fmt.Println(n, err, rows.Schema.Field(3))
	// Output: 2 <nil> order: type=int64, nullable
}

func ExampleOpenAs() {
	path := filepath.Join(os.TempDir(), "metaxy-example-open-as.txt")
	defer os.Remove(path)
	if err := os.WriteFile(path, []byte("id\tok\na\ttrue\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	rows, err := rowio.OpenAs(path, rowio.TSV)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := rowio.Write(os.Stdout, rowio.JSON, rows); err != nil {
		fmt.Println(err)
	}
	// Output: {"id":"a","ok":true}
}

func ExampleNewWriter() {
	rows, err := rowio.Read(strings.NewReader(emoji), "emoji.csv", rowio.CSV)
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := rowio.NewWriter(os.Stdout, rowio.JSON, rows.Schema)
	if err != nil {
		fmt.Println(err)
		return
	}
	for batch, err := range rows.All() {
		if err == nil {
			err = w.Write(batch)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(w.Close())
	// Output:
	// {"hexcode":"1F600","annotation":"grinning face","color_sha256":"4b9c71","order":1}
	// {"hexcode":"1F601","annotation":"beaming face, smiling eyes","color_sha256":"250bb3","order":2}
	// <nil>
}
